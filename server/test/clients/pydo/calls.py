"""Makes the calls of pydo that it reads of, a JSON document a line, and writes what each returns or raises."""

import json
import sys

from azure.core.exceptions import AzureError
from pydo import Client

endpoint, token, certificate = sys.argv[1:]
client = Client(token, endpoint=endpoint, connection_verify=certificate, retry_total=0)


def perform(method, args):
    group, name = method.split(".")
    arguments = args[0] if args else {}
    try:
        return {"returned": getattr(getattr(client, group), name)(**arguments)}
    except AzureError as error:
        return {"raised": type(error).__name__, "status": getattr(error, "status_code", None)}


for line in sys.stdin:
    print(json.dumps(perform(**json.loads(line))), flush=True)

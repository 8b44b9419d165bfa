import process from "node:process";
import * as client from "../../dist/index.js";
import { life } from "./life.js";

const [baseUrl, token] = process.argv.slice(2);
console.log(JSON.stringify(await life(client, { baseUrl, token })));

// Calls methods of godo that it reads about, a JSON document a line, and writes what they return.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"reflect"
	"strings"

	"github.com/digitalocean/godo"
)

// A call such as {"method": "Registry.Create", "args": [{"name": "acme"}]}.
type call struct {
	Method string
	Args   []json.RawMessage
}

type outcome struct {
	Result any         `json:"result"`
	Status int         `json:"status"`
	Links  *godo.Links `json:"links"`
	Meta   *godo.Meta  `json:"meta"`
	Error  string      `json:"error"`
}

// Sends an API token, as a program's own HTTP client would.
type authorized struct{ token string }

func (a authorized) RoundTrip(request *http.Request) (*http.Response, error) {
	request.Header.Set("Authorization", "Bearer "+a.token)
	return http.DefaultTransport.RoundTrip(request)
}

func main() {
	baseURL, token := os.Args[1], os.Args[2]
	client, err := godo.New(&http.Client{Transport: authorized{token}}, godo.SetBaseURL(baseURL))
	if err != nil {
		panic(err)
	}
	lines := bufio.NewScanner(os.Stdin)
	answers := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var next call
		if err := json.Unmarshal(lines.Bytes(), &next); err != nil {
			panic(err)
		}
		if err := answers.Encode(perform(client, next)); err != nil {
			panic(err)
		}
	}
}

func perform(client *godo.Client, next call) outcome {
	service, name, _ := strings.Cut(next.Method, ".")
	method := reflect.ValueOf(client).Elem().FieldByName(service).MethodByName(name)
	arguments := []reflect.Value{reflect.ValueOf(context.Background())}
	for number, text := range next.Args {
		parameter := method.Type().In(number + 1)
		if method.Type().IsVariadic() && number+2 == method.Type().NumIn() {
			parameter = parameter.Elem()
		}
		argument := reflect.New(parameter)
		if err := json.Unmarshal(text, argument.Interface()); err != nil {
			panic(err)
		}
		arguments = append(arguments, argument.Elem())
	}
	return outcomeOf(method.Call(arguments))
}

// Every method returns a response and an error, and most return a result before them.
func outcomeOf(returned []reflect.Value) outcome {
	var done outcome
	if len(returned) == 3 {
		done.Result = returned[0].Interface()
		returned = returned[1:]
	}
	if response, _ := returned[0].Interface().(*godo.Response); response != nil {
		done.Status, done.Links, done.Meta = response.StatusCode, response.Links, response.Meta
	}
	if err, _ := returned[1].Interface().(error); err != nil {
		done.Error = err.Error()
	}
	return done
}

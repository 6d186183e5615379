// Checks a caller's secret, which is to be the MD5 of URI#BODY#argfunc: the JSON is argv[0], the decision goes to
// stdout.
package main

import (
	"crypto/md5"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
)

// A page is what the sample answers.
type page struct {
	Status string `json:"status"`
	Body   string `json:"body"`
}

// markup keeps the caller's text from becoming any.
var markup = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

func main() {
	if len(os.Args) != 1 {
		fmt.Fprintf(os.Stderr, "authentication: expected one argument, the JSON, got %d\n", len(os.Args))
		os.Exit(1)
	}
	answer := json.NewEncoder(os.Stdout)
	answer.SetEscapeHTML(false)
	if err := answer.Encode(decide(os.Args[0])); err != nil {
		fmt.Fprintln(os.Stderr, "authentication:", err)
		os.Exit(1)
	}
}

func decide(text string) page {
	members, err := read(text, "arg_uri", "arg_body", "arg_secret")
	if err != nil {
		return page{"400", fmt.Sprintf("<html><h1>Bad Request!</h1><p>%v</p></html>", err)}
	}
	uri, body, secret := members[0], members[1], members[2]
	hash := fmt.Sprintf("%x", md5.Sum([]byte(uri+"#"+body+"#argfunc")))
	if hash == secret {
		return page{"200", fmt.Sprintf("<html><h1>Auth Pass!</h1><p>hash %s</p></html>", hash)}
	}
	const forbidden = "<html><h1>Auth Forbidden!</h1><p>hash %s secret %s</p></html>"
	return page{"403", fmt.Sprintf(forbidden, hash, markup.Replace(secret))}
}

// read returns the values of the keys of a JSON object of strings.
func read(text string, keys ...string) ([]string, error) {
	notStrings := errors.New("expected a JSON object of strings")
	var members map[string]*string
	if json.Unmarshal([]byte(text), &members) != nil || members == nil {
		return nil, notStrings
	}
	for _, value := range members {
		if value == nil {
			return nil, notStrings
		}
	}
	var values []string
	for _, key := range keys {
		value, found := members[key]
		if !found {
			return nil, fmt.Errorf("%s is missing", key)
		}
		values = append(values, *value)
	}
	return values, nil
}

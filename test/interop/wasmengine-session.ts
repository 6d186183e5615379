/** The commands of WasmEngine's README, as it prints them, and the answers that it promises. */

export const deployAuthentication = String.raw`curl --location --request POST 'localhost:10000/function/deploy' \
--header 'Content-Type: application/json' \
--header 'Content-Type: text/plain' \
--data-raw '{
    "function_name": "authentication",
    "function_image": "127.0.0.1:5000/authentication-wasm:v4",
    "wasi_cap": false
}'`;
export const deployHello = String.raw`curl --location --request POST 'localhost:10000/function/deploy' \
--header 'Content-Type: application/json' \
--header 'Content-Type: text/plain' \
--data-raw '{
    "function_name": "hello",
    "function_image": "127.0.0.1:5000/hello-wasm:v2",
    "wasi_cap": true
}'`;
export const list = String.raw`curl --location --request GET 'localhost:10000/function/list' \
--header 'Content-Type: application/json' \
--header 'Content-Type: text/plain'`;
export const query = String.raw`curl --location --request POST 'localhost:10000/function/query' \
--header 'Content-Type: application/json' \
--header 'Content-Type: text/plain' \
--data-raw '{
    "function_name": "authentication"
}'`;
export const invoke = String.raw`curl --location --request POST 'localhost:10000/function/invoke' \
--header 'Content-Type: application/json' \
--header 'Content-Type: text/plain' \
--data-raw '{
    "function_name": "authentication",
    "args": {"arg_uri": "yes", "arg_body": "yes", "arg_secret": "12345"}
}'`;
export const invokeHello = String.raw`curl --location --request POST 'localhost:10000/function/invoke' \
--header 'Content-Type: application/json' \
--header 'Content-Type: text/plain' \
--data-raw '{
    "function_name": "hello",
    "args": {}
}'`;
export const deleteHello = String.raw`curl --location --request POST 'localhost:10000/function/delete' \
--header 'Content-Type: application/json' \
--header 'Content-Type: text/plain' \
--data-raw '{
    "function_name": "hello"
}'`;

export const said = (message: string): string => `status code: 200, message: ${message}`;
export const forbidden =
  '{"status":"403","body":"<html><h1>Auth Forbidden!</h1>' +
  '<p>hash c5187dd86a648a819f527c7a8a4f7bf4 secret 12345</p></html>"}';

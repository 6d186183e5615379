/** Checks a caller's secret, which is to be the MD5 of URI#BODY#argfunc. */
import { give, take } from "../../assembly/contract";
import { quote, strings } from "../../assembly/json";
import { md5 } from "../../assembly/md5";

export { input as __heap_base } from "../../assembly/contract";

export function authentication(pointer: usize, length: usize): i64 {
  return give(decide(take(pointer, length)));
}

function decide(json: string): string {
  const members = strings(json);
  if (members === null) return badRequest("expected a JSON object of strings");
  const keys: string[] = ["arg_uri", "arg_body", "arg_secret"];
  for (let i = 0; i < keys.length; i++) {
    if (!members.has(keys[i])) return badRequest(`${keys[i]} is missing`);
  }
  const hash = md5(`${members.get("arg_uri")}#${members.get("arg_body")}#argfunc`);
  const secret = members.get("arg_secret");
  if (secret == hash) return page("200", `<h1>Auth Pass!</h1><p>hash ${hash}</p>`);
  return page("403", `<h1>Auth Forbidden!</h1><p>hash ${hash} secret ${escape(secret)}</p>`);
}

function badRequest(reason: string): string {
  return page("400", `<h1>Bad Request!</h1><p>${reason}</p>`);
}

function page(status: string, html: string): string {
  return `{"status":"${status}","body":${quote(`<html>${html}</html>`)}}`;
}

/** Keeps the caller's text from becoming markup. */
function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

//! What the two authentication samples decide: whether the caller's secret is the MD5 of URI#BODY#argfunc.

use crate::{json, md5};

/// Answers JSON arguments with the JSON of a status and a page.
pub fn decide(arguments: &str) -> String {
    match judge(arguments) {
        Ok((hash, secret)) if hash == secret => page("200", &format!("<h1>Auth Pass!</h1><p>hash {hash}</p>")),
        Ok((hash, secret)) => {
            page("403", &format!("<h1>Auth Forbidden!</h1><p>hash {hash} secret {}</p>", escape(&secret)))
        }
        Err(reason) => page("400", &format!("<h1>Bad Request!</h1><p>{reason}</p>")),
    }
}

/// Returns the hash that was wanted and the secret that came, or what is wrong with the arguments.
fn judge(arguments: &str) -> Result<(String, String), String> {
    let members = json::strings(arguments).ok_or("expected a JSON object of strings")?;
    let member = |key: &str| members.get(key).ok_or(format!("{key} is missing"));
    let (uri, body, secret) = (member("arg_uri")?, member("arg_body")?, member("arg_secret")?);
    Ok((md5::hex(format!("{uri}#{body}#argfunc").as_bytes()), secret.clone()))
}

fn page(status: &str, html: &str) -> String {
    format!("{{\"status\":\"{status}\",\"body\":{}}}", json::quote(&format!("<html>{html}</html>")))
}

/// Keeps the caller's text from becoming markup.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

//! Asks a running server for its lists.

use serde_json::Value;

use crate::client::Client;
use crate::mcp::Session;

/// The lists as the server gives them.
pub struct Asked {
    pub tools: Vec<Value>,
    pub prompts: Vec<String>,
    pub resources: Vec<String>,
    pub notes: String,
}

pub fn lists(client: &Client, url: &str, token: Option<&str>) -> Result<Asked, String> {
    let mut session = Session::new(client, url, token);
    let answer = session.initialize()?;
    match (answer.response.status, token) {
        (401, None) => return Err("401: it asks for a token: give one by --token or TOOLGATE_TOKEN".to_owned()),
        (401, Some(_)) => return Err("401: the token is refused".to_owned()),
        _ => {}
    }
    let result = answer.result()?;
    let has = |name: &str| result.pointer("/capabilities").is_some_and(|own| own.get(name).is_some());
    let tools = session.list("tools/list", "tools")?;
    let mut notes = String::new();
    // Some servers declare what they do not answer.
    let mut names = |session: &mut Session<'_>, kind: &str, member: &str| {
        if !has(kind) {
            return Vec::new();
        }
        let listed = session.list(&format!("{kind}/list"), kind).unwrap_or_else(|fault| {
            notes += &format!("note: {fault}\n");
            Vec::new()
        });
        let name = |own: &Value| own.get(member).and_then(Value::as_str).map(str::to_owned);
        let mut names: Vec<_> = listed.iter().filter_map(name).collect();
        names.sort();
        names.dedup();
        names
    };
    let (prompts, resources) = (names(&mut session, "prompts", "name"), names(&mut session, "resources", "uri"));
    session.end();
    Ok(Asked { tools, prompts, resources, notes })
}

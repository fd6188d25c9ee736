//! Crate `rmcp`: `rmcp URL STEPS`, see ../steps.mjs.

use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use rmcp::ServiceExt;
use rmcp::model::CallToolRequestParams;
use rmcp::transport::auth::{AuthorizationCallback, AuthorizationManager, AuthorizationRequest, OAuthState};
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::transport::{AuthClient, StreamableHttpClientTransport};
use serde_json::{Value, json};

const REDIRECT: &str = "http://127.0.0.1:33341/callback";
const MAX_LOGINS: usize = 4;

/// The scopes that each login of the present step asked for.
static ASKED: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn asked() -> std::sync::MutexGuard<'static, Vec<String>> {
    ASKED.lock().expect("no panic while it is held")
}

/// Opens the provider's page, signs in, and gives the URL of the callback.
fn sign_in(authorization: &str) -> Result<String> {
    let url = url::Url::parse(authorization)?;
    let scope = url.query_pairs().find(|(name, _)| name == "scope").map(|(_, scope)| scope.into_owned());
    asked().push(scope.unwrap_or_default());
    if asked().len() > MAX_LOGINS {
        bail!("gave up after {MAX_LOGINS} logins");
    }
    let command: Vec<String> = serde_json::from_str(&std::env::var("LOGIN")?)?;
    let (program, arguments) = command.split_first().context("LOGIN")?;
    let output =
        Command::new(program).args(arguments).args([authorization, &std::env::var("USER_NAME")?]).output()?;
    let back = String::from_utf8(output.stdout)?.trim().to_owned();
    let parameters = url::Url::parse(&back)?;
    match parameters.query_pairs().find(|(name, _)| name == "error") {
        Some((_, error)) => Err(anyhow!("{error}: {}", parameters.query().unwrap_or_default())),
        None => Ok(back),
    }
}

fn tell(step: usize, result: &Result<Value>) {
    let mut told = match result {
        Ok(told) => told.clone(),
        Err(error) => json!({"ok": false, "text": format!("{error:#}")}),
    };
    told["step"] = json!(step);
    told["logins"] = json!(asked().len());
    told["scopes"] = json!(*asked());
    println!("{told}");
    asked().clear();
}

/// A manager with tokens: what an application does after the first 401.
async fn authorized(url: &str) -> Result<AuthorizationManager> {
    let bare = reqwest::Client::new().post(url).header("content-type", "application/json").body("{}").send().await?;
    let challenge = bare.headers().get("www-authenticate").context("a challenge")?.to_str()?.to_owned();
    let mut state = OAuthState::new(url, None).await?;
    let mut request =
        AuthorizationRequest::new(REDIRECT).with_client_name("toolgate interop").with_challenge(&challenge);
    if let Ok(id) = std::env::var("CLIENT_ID") {
        request = request.with_preregistered_client(&id);
    }
    state.start_authorization(request).await?;
    let callback = sign_in(&state.get_authorization_url().await?)?;
    state.handle_callback_url(&callback).await?;
    state.into_authorization_manager().context("a manager")
}

/// The scope that the challenge of a 403 asks for, from the text of the error.
fn wanted(error: &str) -> Option<String> {
    let after = error.split("required_scope: Some(\"").nth(1).or_else(|| error.split("scope=\\\"").nth(1))?;
    after.split(['\\', '"']).next().map(str::to_owned)
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let (url, steps) = (&arguments[1], serde_json::from_str::<Vec<Vec<Value>>>(&arguments[2])?);
    let manager = match authorized(url).await {
        Ok(manager) => manager,
        Err(error) => return Ok(tell(0, &Err(error))),
    };
    let auth = AuthClient::new(reqwest::Client::new(), manager);
    let shared = auth.auth_manager.clone();
    let transport = StreamableHttpClientTransport::with_client(
        auth,
        StreamableHttpClientTransportConfig::with_uri(url.as_str()),
    );
    let client = match ().serve(transport).await {
        Ok(client) => client,
        Err(error) => return Ok(tell(0, &Err(error.into()))),
    };
    tell(0, &Ok(json!({"ok": true})));

    for (n, step) in steps.iter().enumerate() {
        let what = step[0].as_str().unwrap_or_default();
        if what == "wait" {
            tokio::time::sleep(Duration::from_secs_f64(step[1].as_f64().unwrap_or_default())).await;
            continue;
        }
        let act = async || -> Result<Value> {
            if what == "list" {
                let tools = client.list_all_tools().await?;
                return Ok(json!({"ok": true, "tools": tools.iter().map(|tool| &tool.name).collect::<Vec<_>>()}));
            }
            let mut call = CallToolRequestParams::new(step[1].as_str().unwrap_or_default().to_owned());
            if let Some(given) = step.get(2).and_then(Value::as_object) {
                call = call.with_arguments(given.clone());
            }
            let result = client.call_tool(call).await.map_err(|error| anyhow!("{error:?}"))?;
            let text = result.content.first().and_then(|content| content.as_text()).map(|text| text.text.clone());
            Ok(json!({"ok": result.is_error != Some(true), "text": text}))
        };
        let mut result = act().await;
        // The loop of an application: it asks for what a 403 names, once per answer.
        while let Err(error) = &result {
            let text = format!("{error:#}");
            let Some(scope) = Some(&text).filter(|text| text.contains("InsufficientScope")).and_then(|text| wanted(text))
            else {
                break;
            };
            let upgraded: Result<()> = async {
                let manager = shared.lock().await;
                let callback = sign_in(&manager.request_scope_upgrade(&scope).await?)?;
                let back = AuthorizationCallback::from_redirect_url(&callback)?;
                manager.exchange_code_for_token_with_issuer(&back.code, &back.csrf_token, back.issuer.as_deref()).await?;
                Ok(())
            }
            .await;
            result = match upgraded {
                Ok(()) => act().await,
                Err(error) => {
                    result = Err(error);
                    break;
                }
            };
        }
        tell(n + 1, &result);
    }
    Ok(())
}

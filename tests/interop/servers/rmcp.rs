//! Crate `rmcp` as a server, see servers.mjs. It is built with the client, in clients/rmcp.

use std::env;
use std::fs::OpenOptions;
use std::io::Write;

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, GetPromptRequestParams, GetPromptResponse,
    GetPromptResult, JsonObject, ListPromptsResult, ListResourcesResult, ListToolsResult, PaginatedRequestParams, Prompt,
    PromptMessage, ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult, Resource, ResourceContents, Role,
    ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, RoleServer, ServerHandler};

type Context = RequestContext<RoleServer>;

const TOOLS: [&str; 3] = ["echo", "write_note", "delete_all"];
const PROMPTS: [&str; 2] = ["brief", "secret_brief"];
const RESOURCES: [&str; 2] = ["docs://public/a", "docs://private/key"];

struct Server;

/// Does what is asked for, if there is such a thing, and records a use that the corpus is after.
fn reach(known: &[&str], what: &str) -> Result<(), ErrorData> {
    if !known.contains(&what) {
        return Err(ErrorData::invalid_params(format!("no {what}"), None));
    }
    if ["delete_all", "secret_brief", "docs://private/key"].contains(&what) {
        let path = env::var("REACHED").expect("where to record");
        let mut file = OpenOptions::new().create(true).append(true).open(path).expect("a record");
        writeln!(file, "{what}").expect("a line");
    }
    Ok(())
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().enable_prompts().enable_resources().build())
    }

    async fn list_tools(&self, _: Option<PaginatedRequestParams>, _: Context) -> Result<ListToolsResult, ErrorData> {
        let schema: JsonObject = [("type".to_owned(), "object".into())].into_iter().collect();
        Ok(ListToolsResult::with_all_items(TOOLS.map(|name| Tool::new(name, name, schema.clone())).to_vec()))
    }

    async fn call_tool(&self, request: CallToolRequestParams, _: Context) -> Result<CallToolResponse, ErrorData> {
        reach(&TOOLS, &request.name)?;
        let text = request.arguments.and_then(|arguments| Some(arguments.get("message")?.as_str()?.to_owned()));
        Ok(CallToolResult::success(vec![ContentBlock::text(text.unwrap_or_default())]).into())
    }

    async fn list_prompts(&self, _: Option<PaginatedRequestParams>, _: Context) -> Result<ListPromptsResult, ErrorData> {
        Ok(ListPromptsResult::with_all_items(PROMPTS.map(|name| Prompt::new(name, None::<String>, None)).to_vec()))
    }

    async fn get_prompt(&self, request: GetPromptRequestParams, _: Context) -> Result<GetPromptResponse, ErrorData> {
        reach(&PROMPTS, &request.name)?;
        Ok(GetPromptResult::new(vec![PromptMessage::new_text(Role::User, request.name)]).into())
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: Context,
    ) -> Result<ListResourcesResult, ErrorData> {
        Ok(ListResourcesResult::with_all_items(RESOURCES.map(|uri| Resource::new(uri, uri)).to_vec()))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: Context,
    ) -> Result<ReadResourceResponse, ErrorData> {
        reach(&RESOURCES, &request.uri)?;
        Ok(ReadResourceResult::new(vec![ResourceContents::text("text", request.uri)]).into())
    }
}

#[tokio::main]
async fn main() {
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(env::var_os("STATELESS").is_none())
        .with_json_response(env::var_os("JSON").is_some())
        // The gate tells which hosts there are.
        .disable_allowed_hosts();
    let service: StreamableHttpService<Server, LocalSessionManager> =
        StreamableHttpService::new(|| Ok(Server), Default::default(), config);
    let address = format!("127.0.0.1:{}", env::var("PORT").expect("a port"));
    let listener = tokio::net::TcpListener::bind(address).await.expect("the port is free");
    axum::serve(listener, axum::Router::new().nest_service("/mcp", service)).await.expect("a server");
}

package interop;

import io.modelcontextprotocol.server.McpServer;
import io.modelcontextprotocol.server.McpStatelessServerFeatures.SyncPromptSpecification;
import io.modelcontextprotocol.server.McpStatelessServerFeatures.SyncResourceSpecification;
import io.modelcontextprotocol.server.transport.HttpServletStatelessServerTransport;
import io.modelcontextprotocol.spec.McpSchema;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.apache.catalina.startup.Tomcat;

/** Maven io.modelcontextprotocol.sdk:mcp as a server in Tomcat, see ../../servers.mjs. It keeps no sessions. */
public final class Server {
  public static void main(String[] args) throws Exception {
    var transport = HttpServletStatelessServerTransport.builder().messageEndpoint("/mcp").build();
    McpServer.sync(transport)
        .serverInfo("toolgate interop", "1")
        .capabilities(McpSchema.ServerCapabilities.builder().tools(false).prompts(false).resources(false, false).build())
        .toolCall(tool("echo"), (context, request) -> text(String.valueOf(request.arguments().get("message"))))
        .toolCall(tool("write_note"), (context, request) -> text("written"))
        .toolCall(tool("delete_all"), (context, request) -> text(reached("delete_all")))
        .prompts(prompt("brief", name -> name), prompt("secret_brief", Server::reached))
        .resources(resource("docs://public/a", uri -> uri), resource("docs://private/key", Server::reached))
        .build();
    var tomcat = new Tomcat();
    tomcat.setBaseDir(Files.createTempDirectory("interop").toString());
    tomcat.setHostname("127.0.0.1");
    tomcat.setPort(Integer.parseInt(System.getenv("PORT")));
    tomcat.getConnector().setProperty("address", "127.0.0.1");
    var web = tomcat.addContext("", null);
    Tomcat.addServlet(web, "mcp", transport).setAsyncSupported(true);
    web.addServletMappingDecoded("/mcp", "mcp");
    tomcat.start();
    tomcat.getServer().await();
  }

  /** Records a use that the corpus is after. */
  private static String reached(String what) {
    try {
      Files.writeString(Path.of(System.getenv("REACHED")), what + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
      return "done";
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  private static McpSchema.Tool tool(String name) {
    return McpSchema.Tool.builder(name, Map.of("type", "object")).build();
  }

  private static McpSchema.CallToolResult text(String text) {
    return McpSchema.CallToolResult.builder().addTextContent(text).build();
  }

  private static SyncPromptSpecification prompt(String name, UnaryOperator<String> act) {
    return new SyncPromptSpecification(McpSchema.Prompt.builder(name).build(), (context, request) -> {
      var content = McpSchema.TextContent.builder(act.apply(name)).build();
      return McpSchema.GetPromptResult.builder(List.of(McpSchema.PromptMessage.builder(McpSchema.Role.USER, content).build())).build();
    });
  }

  private static SyncResourceSpecification resource(String uri, UnaryOperator<String> act) {
    return new SyncResourceSpecification(McpSchema.Resource.builder(uri, uri).build(), (context, request) ->
        McpSchema.ReadResourceResult.builder(List.of(McpSchema.TextResourceContents.builder(uri, act.apply(uri)).build())).build());
  }

  private Server() {}
}

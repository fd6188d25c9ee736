// Go github.com/modelcontextprotocol/go-sdk as a server, see ../../servers.mjs. Its parser compares names of members without
// case.
package main

import (
	"context"
	"net/http"
	"os"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

type message struct {
	Message string `json:"message,omitempty"`
}

// reached records a use that the corpus is after.
func reached(what string) {
	file, err := os.OpenFile(os.Getenv("REACHED"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		panic(err)
	}
	defer file.Close()
	if _, err := file.WriteString(what + "\n"); err != nil {
		panic(err)
	}
}

func tool(server *mcp.Server, name string, act func(string) string) {
	mcp.AddTool(server, &mcp.Tool{Name: name}, func(_ context.Context, _ *mcp.CallToolRequest, in message) (*mcp.CallToolResult, any, error) {
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: act(in.Message)}}}, nil, nil
	})
}

func prompt(server *mcp.Server, name string, act func()) {
	server.AddPrompt(&mcp.Prompt{Name: name}, func(context.Context, *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
		act()
		return &mcp.GetPromptResult{Messages: []*mcp.PromptMessage{{Role: "user", Content: &mcp.TextContent{Text: name}}}}, nil
	})
}

func resource(server *mcp.Server, uri string, act func()) {
	server.AddResource(&mcp.Resource{Name: uri, URI: uri}, func(context.Context, *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
		act()
		return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{{URI: uri, Text: uri}}}, nil
	})
}

func main() {
	server := mcp.NewServer(&mcp.Implementation{Name: "toolgate interop", Version: "1"}, nil)
	tool(server, "echo", func(text string) string { return text })
	tool(server, "write_note", func(string) string { return "written" })
	tool(server, "delete_all", func(string) string { reached("delete_all"); return "done" })
	prompt(server, "brief", func() {})
	prompt(server, "secret_brief", func() { reached("secret_brief") })
	resource(server, "docs://public/a", func() {})
	resource(server, "docs://private/key", func() { reached("docs://private/key") })

	_, stateless := os.LookupEnv("STATELESS")
	_, json := os.LookupEnv("JSON")
	handler := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, &mcp.StreamableHTTPOptions{
		Stateless: stateless, JSONResponse: json,
		// The gate tells which hosts there are.
		DisableLocalhostProtection: true,
	})
	mux := http.NewServeMux()
	mux.Handle("/mcp", handler)
	if err := http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), mux); err != nil {
		panic(err)
	}
}

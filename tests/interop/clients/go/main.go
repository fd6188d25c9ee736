// Go github.com/modelcontextprotocol/go-sdk: `go URL STEPS`, see ../steps.mjs.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/modelcontextprotocol/go-sdk/oauthex"
)

const (
	redirect  = "http://127.0.0.1:33341/callback"
	maxLogins = 4
)

// What each login since the step before asked for.
var asked = []string{}

type told struct {
	Step   int      `json:"step"`
	OK     bool     `json:"ok"`
	Text   string   `json:"text,omitempty"`
	Tools  []string `json:"tools,omitempty"`
	Logins int      `json:"logins"`
	Scopes []string `json:"scopes"`
}

func tell(step int, act func() (told, error)) bool {
	t, err := act()
	if err != nil {
		t = told{Text: fmt.Sprintf("%T: %v", err, err)}
	}
	t.Step, t.Logins, t.Scopes = step, len(asked), asked
	line, _ := json.Marshal(t)
	fmt.Println(string(line))
	asked = []string{}
	return t.OK
}

// signIn opens the provider's page, signs in, and gives the parameters of the callback.
func signIn(_ context.Context, args *auth.AuthorizationArgs) (*auth.AuthorizationResult, error) {
	page, err := url.Parse(args.URL)
	if err != nil {
		return nil, err
	}
	asked = append(asked, page.Query().Get("scope"))
	if len(asked) > maxLogins {
		return nil, fmt.Errorf("gave up after %d logins", maxLogins)
	}
	var command []string
	if err := json.Unmarshal([]byte(os.Getenv("LOGIN")), &command); err != nil {
		return nil, err
	}
	command = append(command, args.URL, os.Getenv("USER_NAME"))
	output, err := exec.Command(command[0], command[1:]...).Output()
	if err != nil {
		return nil, err
	}
	back, err := url.Parse(strings.TrimSpace(string(output)))
	if err != nil {
		return nil, err
	}
	answer := back.Query()
	if answer.Has("error") {
		return nil, errors.New(answer.Get("error") + ": " + answer.Get("error_description"))
	}
	return &auth.AuthorizationResult{Code: answer.Get("code"), State: answer.Get("state"), Iss: answer.Get("iss")}, nil
}

func handler() (auth.OAuthHandler, error) {
	config := &auth.AuthorizationCodeHandlerConfig{
		RedirectURL: redirect, RequestRefreshToken: true, AuthorizationCodeFetcher: signIn,
	}
	if id := os.Getenv("CLIENT_ID"); id != "" {
		config.PreregisteredClient = &oauthex.ClientCredentials{ClientID: id}
	} else {
		config.DynamicClientRegistrationConfig = &auth.DynamicClientRegistrationConfig{Metadata: &oauthex.ClientRegistrationMetadata{
			ClientName: "toolgate interop", RedirectURIs: []string{redirect},
			GrantTypes: []string{"authorization_code", "refresh_token"}, ResponseTypes: []string{"code"},
		}}
	}
	if document := os.Getenv("CLIENT_DOCUMENT"); document != "" {
		config.ClientIDMetadataDocumentConfig = &auth.ClientIDMetadataDocumentConfig{URL: document}
	}
	return auth.NewAuthorizationCodeHandler(config)
}

func main() {
	var steps [][]any
	if err := json.Unmarshal([]byte(os.Args[2]), &steps); err != nil {
		panic(err)
	}
	var session *mcp.ClientSession
	connected := tell(0, func() (told, error) {
		oauth, err := handler()
		if err != nil {
			return told{}, err
		}
		client := mcp.NewClient(&mcp.Implementation{Name: "toolgate-interop", Version: "1"}, nil)
		transport := &mcp.StreamableClientTransport{Endpoint: os.Args[1], OAuthHandler: oauth}
		session, err = client.Connect(context.Background(), transport, nil)
		return told{OK: true}, err
	})
	if !connected {
		return
	}
	for n, step := range steps {
		if step[0] == "wait" {
			time.Sleep(time.Duration(step[1].(float64) * float64(time.Second)))
			continue
		}
		tell(n+1, func() (told, error) { return act(session, step) })
	}
}

func act(session *mcp.ClientSession, step []any) (told, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if step[0] == "list" {
		list, err := session.ListTools(ctx, nil)
		if err != nil {
			return told{}, err
		}
		names := []string{}
		for _, tool := range list.Tools {
			names = append(names, tool.Name)
		}
		return told{OK: true, Tools: names}, nil
	}
	call := &mcp.CallToolParams{Name: step[1].(string), Arguments: map[string]any{}}
	if len(step) > 2 {
		call.Arguments = step[2]
	}
	result, err := session.CallTool(ctx, call)
	if err != nil {
		return told{}, err
	}
	text := ""
	if len(result.Content) > 0 {
		if own, ok := result.Content[0].(*mcp.TextContent); ok {
			text = own.Text
		}
	}
	return told{OK: !result.IsError, Text: text}, nil
}

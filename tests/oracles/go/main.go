// What a server of the Go SDK would call. The SDK's own JSON package is internal; this is what it does.
package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	stdjson "encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/segmentio/encoding/json"
)

type use [2]*string

func main() {
	read, unmarshal := readSDK, unmarshalSDK
	if len(os.Args) > 1 && os.Args[1] == "encoding/json" {
		read, unmarshal = readStandard, stdjson.Unmarshal
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<26)
	for lines.Scan() {
		body, err := base64.StdEncoding.DecodeString(lines.Text())
		if err != nil {
			panic(err)
		}
		if len(os.Args) > 1 && os.Args[1] == "uris" {
			line, _ := stdjson.Marshal(forms(string(body)))
			fmt.Println(string(line))
			continue
		}
		uses := []use{}
		for _, message := range read(body) {
			method := message.method
			uses = append(uses, use{&method, target(method, message.params, unmarshal)})
		}
		line, _ := stdjson.Marshal(uses)
		fmt.Println(string(line))
	}
}

type message struct {
	method string
	params []byte
}

func unmarshalSDK(data []byte, to any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DontMatchCaseInsensitiveStructFields()
	return decoder.Decode(to)
}

// As `readBatch` of the SDK's transports: an array first, else one message.
func readSDK(body []byte) []message {
	raw := []json.RawMessage{}
	if unmarshalSDK(body, &raw) != nil {
		raw = []json.RawMessage{body}
	}
	var messages []message
	for _, one := range raw {
		decoded, err := jsonrpc.DecodeMessage(one)
		if err != nil {
			return nil
		}
		if request, ok := decoded.(*jsonrpc.Request); ok {
			messages = append(messages, message{request.Method, request.Params})
		}
	}
	return messages
}

func readStandard(body []byte) []message {
	raw := []stdjson.RawMessage{}
	if stdjson.NewDecoder(bytes.NewReader(body)).Decode(&raw) != nil {
		var one stdjson.RawMessage
		if stdjson.NewDecoder(bytes.NewReader(body)).Decode(&one) != nil {
			return nil
		}
		raw = []stdjson.RawMessage{one}
	}
	var messages []message
	for _, one := range raw {
		var decoded struct {
			Method *string            `json:"method"`
			Params stdjson.RawMessage `json:"params"`
		}
		if stdjson.Unmarshal(one, &decoded) == nil && decoded.Method != nil {
			messages = append(messages, message{*decoded.Method, decoded.Params})
		}
	}
	return messages
}

func target(method string, params []byte, unmarshal func([]byte, any) error) *string {
	switch {
	case method == "tools/call":
		var to mcp.CallToolParamsRaw
		if unmarshal(params, &to) == nil {
			return &to.Name
		}
	case method == "prompts/get":
		var to mcp.GetPromptParams
		if unmarshal(params, &to) == nil {
			return &to.Name
		}
	case method == "completion/complete":
		var to mcp.CompleteParams
		if unmarshal(params, &to) == nil && to.Ref != nil {
			if to.Ref.URI != "" {
				return &to.Ref.URI
			}
			return &to.Ref.Name
		}
	case strings.HasPrefix(method, "resources/"):
		var to mcp.ReadResourceParams
		if unmarshal(params, &to) == nil {
			return &to.URI
		}
	}
	return nil
}

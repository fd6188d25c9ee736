-- What wrk sends: one body, the tokens of a file in turns. Arguments: tokens, body, and the answer to ask for.
local requests = {}
local next_request = 0

local function contents(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

function init(arguments)
  local body = contents(arguments[2])
  for token in contents(arguments[1]):gmatch("[^\n]+") do
    local headers = {
      ["authorization"] = "Bearer " .. token,
      ["content-type"] = "application/json",
      ["accept"] = "application/json, text/event-stream",
      ["mcp-protocol-version"] = "2025-06-18",
    }
    if arguments[3] ~= "" then
      headers["x-bench-answer"] = arguments[3]
    end
    requests[#requests + 1] = wrk.format("POST", nil, headers, body)
  end
end

function request()
  next_request = next_request % #requests + 1
  return requests[next_request]
end

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format(
    '\n{"requests":%d,"seconds":%.6f,"failed":%d,"p50":%d,"p99":%d}\n',
    summary.requests, summary.duration / 1e6, failed, latency:percentile(50), latency:percentile(99)
  ))
end

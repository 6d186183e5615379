-- What wrk sends: the lines of a file, each the JSON of one POST, in turn. With a second file every answer's body must be
-- one of its lines; that costs time in wrk, so rounds that are measured do without and count statuses and bytes.
local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  local requests = {}
  for line in io.lines(args[1]) do
    table.insert(requests, wrk.format("POST", nil, { ["Host"] = wrk.headers["Host"], ["Content-Type"] = "application/json" }, line))
  end
  wrong = 0
  wrongText = ""
  local next = 0
  request = function()
    next = next % #requests + 1
    return requests[next]
  end
  if args[2] then
    local expected = {}
    for line in io.lines(args[2]) do expected[line] = true end
    response = function(status, headers, body)
      if status ~= 200 or not expected[body] then
        wrong = wrong + 1
        wrongText = status .. " " .. body
      end
    end
  end
end

function done(summary, latency, requests)
  local wrongAnswers, text = 0, ""
  for _, thread in ipairs(threads) do
    wrongAnswers = wrongAnswers + thread:get("wrong")
    if text == "" then text = thread:get("wrongText") end
  end
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"requests":%d,"seconds":%f,"bytes":%d,"p50Ms":%f,"p99Ms":%f,"wrong":%d,"refused":%d,"broken":%d}\n',
    summary.requests, summary.duration / 1e6, summary.bytes, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    wrongAnswers, errors.status, errors.connect + errors.read + errors.write + errors.timeout))
  if text ~= "" then io.write("WRONG ", text, "\n") end
end

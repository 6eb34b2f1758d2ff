-- A worker on each connection of its own: fetch and lock a task, complete it. wrk ... -- ENGINE TOPIC
local engine, topic, id
local json = { ["Content-Type"] = "application/json" }

init = function(given)
  engine, topic = given[1], given[2]
end

request = function()
  if id then
    return wrk.format("POST", engine .. "/external-task/" .. id .. "/complete", json, '{"workerId":"wrk"}')
  end
  local wanted = '{"workerId":"wrk","maxTasks":1,"topics":[{"topicName":"' .. topic .. '","lockDuration":60000}]}'
  return wrk.format("POST", engine .. "/external-task/fetchAndLock", json, wanted)
end

response = function(_, _, body)
  if id then
    id = nil
  else
    id = body:match('"id":"([^"]+)"')
  end
end

-- A person's turn on each connection of its own: start, find the task, complete it. wrk ... -- ENGINE KEY
local engine, key, step, id
local json = { ["Content-Type"] = "application/json" }

init = function(given)
  engine, key, step = given[1], given[2], 1
end

request = function()
  if step == 1 then
    return wrk.format("POST", engine .. "/process-definition/key/" .. key .. "/start", json, "{}")
  elseif step == 2 then
    return wrk.format("GET", engine .. "/task?processInstanceId=" .. id)
  end
  return wrk.format("POST", engine .. "/task/" .. id .. "/complete", json, "{}")
end

response = function(_, _, body)
  if step < 3 then
    id = body:match('"id":"([^"]+)"')
  end
  step = step % 3 + 1
end

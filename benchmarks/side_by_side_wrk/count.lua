-- The same request so many times, and up to a request a connection more: wrk -t1 ... -- METHOD PATH BODY TIMES
local left

init = function(given)
  wrk.method, wrk.path, wrk.body, left = given[1], given[2], given[3], tonumber(given[4])
  wrk.headers["Content-Type"] = "application/json"
end

response = function()
  left = left - 1
  if left <= 0 then
    os.exit(0)
  end
end

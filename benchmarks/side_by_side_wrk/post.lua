-- The same request again and again: wrk ... -- METHOD PATH BODY
init = function(given)
  wrk.method, wrk.path, wrk.body = given[1], given[2], given[3]
  wrk.headers["Content-Type"] = "application/json"
end

-- The request of worker-alone.ts, the same for both servers.
wrk.method = 'POST'
wrk.path = '/task'
wrk.body = '{"function":"hello","input":{"name":"Ada"}}'
wrk.headers['content-type'] = 'application/json'
wrk.headers['authorization'] = 'Bearer key-of-the-benchmark'

-- One request, said by the environment: BENCH_PATH, BENCH_TYPE, BENCH_KEY and BENCH_BODY (a file).
wrk.method = 'POST'
wrk.path = os.getenv('BENCH_PATH')
wrk.headers['content-type'] = os.getenv('BENCH_TYPE')
wrk.headers['authorization'] = 'Bearer ' .. os.getenv('BENCH_KEY')
local file = io.open(os.getenv('BENCH_BODY'), 'rb')
wrk.body = file:read('*a')
file:close()

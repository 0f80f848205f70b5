/**
 * Every change of a lease is one script, so that it is atomic whoever else changes it. A lease is one field of the hash
 * KEYS[1]: a line `changed opened ended` (opened 0 before PEPs are told, ended 0 while it lasts), then the lease as JSON. KEYS[2] is the revision
 * counter, KEYS[3] a sorted set of order ids by revision, KEYS[4] one by end, KEYS[5] names this life of the data.
 */

/** Keeps the counter above what this process has seen: after Redis lost its data, revisions still only rise. */
const FLOOR = `
  local floor = tonumber(ARGV[1])
  if tonumber(redis.call('GET', KEYS[2]) or '0') < floor then redis.call('SET', KEYS[2], floor) end
`

/**
 * Writes a lease if what is stored is what the caller has seen. ARGV: floor, order id, revision seen (0: not there),
 * lease JSON, end in ms, what PEPs are told by this (apply, end, nothing), channel. Returns the entry that is stored afterwards.
 */
export const WRITE_LEASE = `${FLOOR}
  local id, seen = ARGV[2], tonumber(ARGV[3])
  local stored = redis.call('HGET', KEYS[1], id)
  local opened, ended
  if stored then
    local changed, o, e = string.match(stored, '^(%d+) (%d+) (%d+)\\n')
    if tonumber(changed) ~= seen then return stored end
    opened, ended = o, e
  elseif seen ~= 0 then
    return false
  end
  local revision = redis.call('INCR', KEYS[2])
  if ARGV[6] == 'apply' then opened = revision end
  if ARGV[6] == 'end' then ended = revision end
  local entry = revision .. ' ' .. (opened or 0) .. ' ' .. (ended or 0) .. '\\n' .. ARGV[4]
  redis.call('HSET', KEYS[1], id, entry)
  redis.call('ZADD', KEYS[3], revision, id)
  redis.call('ZADD', KEYS[4], ARGV[5], id)
  redis.call('PUBLISH', ARGV[7], entry)
  return entry
`

/** What changed after a revision. ARGV: revision. Returns life, newest revision, entries. */
export const READ_CHANGES = `
  local ids = redis.call('ZRANGEBYSCORE', KEYS[3], '(' .. ARGV[1], '+inf')
  local entries = {}
  for at = 1, #ids, 1000 do
    local page = redis.call('HMGET', KEYS[1], unpack(ids, at, math.min(at + 999, #ids)))
    for i = 1, #page do if page[i] then entries[#entries + 1] = page[i] end end
  end
  return { redis.call('GET', KEYS[5]) or '', redis.call('GET', KEYS[2]) or '0', entries }
`

/** Names this life of the data if nobody has. ARGV: floor, name. Returns the name. */
export const BEGIN_LIFE = `${FLOOR}
  redis.call('SET', KEYS[5], ARGV[2], 'NX')
  return redis.call('GET', KEYS[5])
`

/** Forgets leases whose end lies before a time. ARGV: that time in ms. */
export const FORGET = `
  local ids = redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', '(' .. ARGV[1], 'LIMIT', 0, 1000)
  if #ids > 0 then
    redis.call('HDEL', KEYS[1], unpack(ids))
    redis.call('ZREM', KEYS[3], unpack(ids))
    redis.call('ZREM', KEYS[4], unpack(ids))
  end
  return #ids
`

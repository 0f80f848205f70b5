/**
 * Functions that a hunt may call. They read their arguments and nothing else: no file, address, dictionary, setting or
 * server, no sleep, and nothing that makes much out of little.
 */
const SCALAR = `
  if multiIf coalesce ifNull nullIf isNull isNotNull assumeNotNull toNullable greatest least
  abs round floor ceil trunc sqrt exp log log2 log10 pow power sign intDiv intDivOrZero modulo mod bitAnd bitOr bitXor
  plus minus multiply divide negate equals notEquals less greater lessOrEquals greaterOrEquals and or not xor
  length empty notEmpty lower upper lowerUTF8 upperUTF8 lengthUTF8 substring substringUTF8 left right trim concat
  concatWithSeparator startsWith endsWith position positionCaseInsensitive positionUTF8 countSubstrings
  match like ilike notLike extract extractAll replaceOne replaceAll replaceRegexpOne replaceRegexpAll
  splitByChar splitByString arrayStringConcat reverse hex unhex domain domainWithoutWWW topLevelDomain path
  toString toStringCutToZero toInt8 toInt16 toInt32 toInt64 toUInt8 toUInt16 toUInt32 toUInt64 toFloat32 toFloat64
  toDate toDateTime toDateTime64 parseDateTimeBestEffort parseDateTime64BestEffort toIPv4OrNull toIPv6OrNull
  isIPv4String isIPv6String isIPAddressInRange CAST accurateCastOrNull toTypeName toBool
  now now64 today yesterday toStartOfMinute toStartOfFiveMinutes toStartOfFifteenMinutes toStartOfHour toStartOfDay
  toStartOfWeek toStartOfMonth toStartOfInterval toMonday toYear toMonth toDayOfMonth toDayOfWeek toHour toMinute
  toSecond toYYYYMM toYYYYMMDD toUnixTimestamp toUnixTimestamp64Milli fromUnixTimestamp fromUnixTimestamp64Milli
  dateDiff age timeDiff dateTrunc formatDateTime addSeconds addMinutes addHours addDays addWeeks addMonths
  subtractSeconds subtractMinutes subtractHours subtractDays subtractWeeks subtractMonths toIntervalSecond
  toIntervalMinute toIntervalHour toIntervalDay toIntervalWeek toTimeZone
  array tuple tupleElement map mapKeys mapValues mapContains has hasAll hasAny indexOf arrayElement arrayConcat
  arrayDistinct arrayUniq arrayEnumerate arrayEnumerateUniq arraySlice arraySort arrayReverseSort arrayReverse
  arrayFilter arrayMap arrayExists arrayAll arrayCount arraySum arrayAvg arrayMin arrayMax arrayFirst arrayFirstIndex
  arrayLast arrayIntersect arrayZip arrayFlatten arrayJoin arrayPushBack arrayPushFront arrayPopBack arrayPopFront
  arrayDifference arrayCumSum arrayCompact
  JSONExtractString JSONExtractInt JSONExtractUInt JSONExtractFloat JSONExtractBool JSONExtractRaw
  JSONExtractArrayRaw JSONExtractKeys JSONHas JSONLength JSONType isValidJSON
  cityHash64 sipHash64 xxHash64 bar
`
const AGGREGATE = `
  count sum avg min max any anyLast argMin argMax uniq uniqExact uniqCombined median quantile quantiles quantileExact
  quantileTDigest stddevPop stddevSamp varPop varSamp covarPop corr skewPop kurtPop entropy
  groupArray groupUniqArray groupArraySorted topK topKWeighted simpleLinearRegression
  sequenceMatch sequenceCount windowFunnel retention boundingRatio deltaSum
  row_number rank dense_rank percent_rank first_value last_value nth_value lag lead lagInFrame leadInFrame ntile
`
/** They look like calls where a type stands. */
const TYPES = `DateTime64 DateTime Array Nullable LowCardinality Tuple Map Decimal FixedString`

const set = (text: string): ReadonlySet<string> =>
  new Set(
    text
      .trim()
      .split(/\s+/)
      .map((name) => name.toLowerCase()),
  )
const SCALARS = set(`${SCALAR} ${TYPES}`)
const AGGREGATES = set(AGGREGATE)
const COMBINATOR = /(?:if|array|distinct|ornull|ordefault)$/

/** With the combinators of aggregate functions, such as `countIf`. */
export function isAllowed(name: string): boolean {
  let base = name.toLowerCase()
  if (SCALARS.has(base)) return true
  for (;;) {
    if (AGGREGATES.has(base)) return true
    const shorter = base.replace(COMBINATOR, '')
    if (shorter === base) return false
    base = shorter
  }
}

/** What the engine's parser makes of operators. */
const OPERATORS = set(`
  lambda in notIn globalIn globalNotIn exists _CAST arrayElement tupleElement toIntervalMonth toIntervalQuarter
  toIntervalYear toIntervalMillisecond plus minus is isNotDistinctFrom isDistinctFrom not notLike notILike ilike caseWithExpression
`)

/** Whether a function that the engine's parser names may be in a hunt. */
export function isExpected(name: string): boolean {
  return isAllowed(name) || OPERATORS.has(name.toLowerCase())
}

-- Findings of a tenant as they stand, the newest first; an empty parameter asks for any.
SELECT
    tenant, finding_id AS id, status, agent_id AS agent, role, session_id AS session, cause, title, severity, risk, score,
    count, revisions, reasons, signals, tags, runbook, baseline, passport, rule_set, source, event_id, call_id, server,
    tool, latest_source, latest_event, latest_call, events, containment_id, containment_level, containment_state,
    disposition, disposed_by, disposed_reason, duplicate_of,
    toUnixTimestamp64Milli(findings.time) AS time_ms,
    toUnixTimestamp64Milli(event_time) AS event_ms,
    toUnixTimestamp64Milli(updated) AS updated_ms,
    ifNull(toUnixTimestamp64Milli(disposed), 0) AS disposed_ms
FROM findings
WHERE tenant = {tenant:String}
  AND ({id:String} = '' OR finding_id = {id:String})
  AND ({status:String} = '' OR status = {status:String})
  AND ({severity:String} = '' OR severity = {severity:String})
  AND ({role:String} = '' OR role = {role:String})
  AND ({agent:String} = '' OR agent_id = {agent:String})
  AND ({session:String} = '' OR session_id = {session:String})
  AND ({cause:String} = '' OR cause = {cause:String})
ORDER BY updated_ms DESC, id
LIMIT {limit:UInt32}

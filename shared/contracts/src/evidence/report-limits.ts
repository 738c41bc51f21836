/** Policies that one report keeps separate, at most: two when a policy arrives, more after a long NATS outage. */
export const maxReportedPolicies = 8;
/** Audit records of one policy in a report, at most: the newest. */
export const maxReportedRecords = 256;

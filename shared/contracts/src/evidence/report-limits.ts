/** Policies that one report keeps separate, at most: two when a policy arrives, more after a long NATS outage. */
export const maxReportedPolicies = 8;
/** Audit records of one policy in a report, at most: the newest. */
export const maxReportedRecords = 256;

/** Of a text in a report, such as why a policy was refused, in characters. Controllers refuse longer ones. */
export const maxReportedTextLength = 500;

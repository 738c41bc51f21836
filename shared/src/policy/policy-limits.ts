/** Devices of a group that may follow thresholds of their own, `Policy.exceptions`. */
export const maxPolicyExceptions = 100;

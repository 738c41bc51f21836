/** Devices of a group that may follow thresholds of their own, `Policy.exceptions`. */
export const maxPolicyExceptions = 100;

/** Bytes of a `Policy`, as it stands in the bucket: a hundred exceptions, of 255 thresholds each, take 110 KiB. */
export const maxPolicyBytes = 128 * 1024;

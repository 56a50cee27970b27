/** Addresses and dnsaddr: short enough to move a host within minutes. */
export const ADDRESS_TTL_SECONDS = 300;
/** What only changes with a decision of the operator. */
export const STABLE_TTL_SECONDS = 3_600;

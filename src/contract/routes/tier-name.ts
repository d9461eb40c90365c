// What a tier of the routing rules may be called.

export const TIER_NAME = /^[a-z0-9][a-z0-9-]{0,31}$/;

// The version of this build, the same for all programs of a checkout.

export const BUILD = '0.1.0';

// The name of the key with which the workers beside a control plane connect: given by it, and known to the command line.

export const BESIDE_CONTROL = 'beside the control plane';

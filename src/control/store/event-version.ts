// Which kinds of stored events this version knows, as a number that grows with each new kind. Its lease says it. A new kind is written
// only while `Leases.allKnow` says that every live replica knows it: until then what it stands for is not offered.
export const EVENT_VERSION = 1;

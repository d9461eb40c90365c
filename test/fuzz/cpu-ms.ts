// Time of the processor that this thread has used, in milliseconds: a busy machine is not the fault of what is measured.

export function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

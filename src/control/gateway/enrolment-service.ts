// Join: how a box becomes a device. Decides nothing; the identity room does.
import type { ServiceImpl } from '@connectrpc/connect';
import type { EnrollmentService } from '../../../gen/bowline/edge/v1/enrollment_pb.ts';
import type { Devices } from '../identity/devices.ts';
import type { Enrolment } from '../identity/enrolment.ts';
import type { ToolCallKey } from '../identity/signing-key.ts';
import { admitKey } from './opening.ts';

export function enrolmentService(parts: {
  enrolment: Enrolment;
  devices: Devices;
  signingKey: ToolCallKey;
}): ServiceImpl<typeof EnrollmentService> {
  const signingKey = { keyId: parts.signingKey.id, publicKey: parts.signingKey.publicKey };
  return {
    async join({ token, name, publicKey, secretSha256 }, { signal, values }) {
      const joined = await parts.enrolment.join({ token, name, publicKey, secretSha256 }, signal);
      // Its token was a credential.
      values.get(admitKey)();
      return { device: joined.deviceId, tenant: joined.tenant, name: joined.name, signingKey };
    },
  };
}

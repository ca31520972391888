import { errorCode } from '../wire/error-code.ts';
import type { WireWriter } from '../wire/wire-writer.ts';
import type { Api } from './api.ts';
import type { OfferedVersions } from './api-table.ts';

/**
 * ApiVersions (18), versions 0 to 3 (flexible from 3): what a client asks first.
 *
 *     Request  => client_software_name STRING v3+, client_software_version STRING v3+, tags
 *     Response => error_code INT16, [api_key INT16, min_version INT16, max_version INT16, tags],
 *                 throttle_time_ms INT32 v1+, tags
 *
 * A newer version is answered in version 0 with UNSUPPORTED_VERSION and the list, so that the client can ask again
 * (KIP-511); the response header has no tagged fields in any version. Both are done by the dispatcher.
 */
export function apiVersionsApi(offered: () => readonly OfferedVersions[]): Api {
  return {
    versionMin: 0,
    versionMax: 3,
    flexibleFrom: 3,
    // The request's fields are for the broker's logs only: not read.
    handle({ version, response, injectedError }) {
      writeVersions(response, offered(), version, injectedError());
      return 'respond';
    },
  };
}

function writeVersions(
  response: WireWriter,
  offered: readonly OfferedVersions[],
  version: number,
  error: number,
): void {
  const supported = version <= 3;
  response.int16(supported ? error : errorCode.UNSUPPORTED_VERSION);
  response.array(offered, (api) => {
    response.int16(api.key);
    response.int16(api.versionMin);
    response.int16(api.versionMax);
    response.tags();
  });
  if (supported && version >= 1) response.int32(0);
  response.tags();
}

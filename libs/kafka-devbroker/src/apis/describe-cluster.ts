import type { Api } from './api.ts';

/**
 * DescribeCluster (60), versions 0 to 1, flexible from the first.
 *
 *     Request  => include_cluster_authorized_operations BOOLEAN, endpoint_type INT8 v1+, tags
 *     Response => throttle_time_ms INT32, error_code INT16, error_message STRING?, endpoint_type INT8 v1+,
 *                 cluster_id STRING, controller_id INT32, [broker_id INT32, host STRING, port INT32, rack STRING?, tags],
 *                 cluster_authorized_operations INT32, tags
 */
export const describeClusterApi: Api = {
  versionMin: 0,
  versionMax: 1,
  flexibleFrom: 0,
  handle({ broker, version, address, response, injectedError }) {
    response.int32(0);
    response.int16(injectedError());
    response.nullableString(null);
    // 1 is a broker, in contrast to a controller.
    if (version >= 1) response.int8(1);
    response.string(broker.clusterId);
    response.int32(broker.nodeId);
    response.array([address], ({ host, port }) => {
      response.int32(broker.nodeId);
      response.string(host);
      response.int32(port);
      response.nullableString(null);
      response.tags();
    });
    // The set of authorized operations is left out.
    response.int32(-(2 ** 31));
    response.tags();
    return 'respond';
  },
};

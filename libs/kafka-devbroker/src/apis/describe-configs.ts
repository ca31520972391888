import { errorCode } from '../wire/error-code.ts';
import { type Api, type Broker, type Call, neverFlexible } from './api.ts';

/**
 * DescribeConfigs (32), versions 1 to 3: the few settings that describe how this broker behaves, all read-only.
 *
 *     Request  => [resource_type INT8, resource_name STRING, config_names [STRING] nullable],
 *                 include_synonyms BOOLEAN, include_documentation BOOLEAN v3+
 *     Response => throttle_time_ms INT32, [error_code INT16, error_message STRING?, resource_type INT8,
 *                 resource_name STRING, [name STRING, value STRING?, read_only BOOLEAN, config_source INT8,
 *                 is_sensitive BOOLEAN, synonyms [..], config_type INT8 v3+, documentation STRING? v3+]]
 */
export const describeConfigsApi: Api = {
  versionMin: 1,
  versionMax: 3,
  flexibleFrom: neverFlexible,
  handle(call) {
    const { request, response } = call;
    const resources = request.array(() => ({
      type: request.int8(),
      name: request.string(),
      configNames: request.nullableArray(() => request.string()),
    }));
    response.int32(0);
    response.array(resources, (resource) => {
      const error = check(call, resource);
      const configs = error === errorCode.NONE ? describe(call.broker, resource.type) : [];
      response.int16(error);
      response.nullableString(null);
      response.int8(resource.type);
      response.string(resource.name);
      const { configNames } = resource;
      const asked = configNames === null ? configs : configs.filter(([name]) => configNames.includes(name));
      response.array(asked, (config) => write(call, config));
    });
    return 'respond';
  },
};

/** Name, value and the protocol's number of its type. */
type Config = readonly [name: string, value: string, type: number];

const topicResource = 2;
const brokerResource = 4;
const booleanType = 1;
const stringType = 2;
const intType = 3;
const longType = 5;
const listType = 7;

function check({ broker, injectedError }: Call, resource: { type: number; name: string }): number {
  if (resource.type === brokerResource) return injectedError();
  if (resource.type !== topicResource) return errorCode.INVALID_REQUEST;
  const known = broker.topics.get(resource.name) !== undefined;
  return known ? injectedError(resource.name) : errorCode.UNKNOWN_TOPIC_OR_PARTITION;
}

function describe(broker: Broker, resourceType: number): Config[] {
  if (resourceType === topicResource) {
    return [
      ['cleanup.policy', 'delete', listType],
      ['compression.type', 'producer', stringType],
      ['max.message.bytes', String(broker.batchBytesMax), intType],
      ['message.timestamp.type', 'CreateTime', stringType],
      ['min.insync.replicas', '1', intType],
      ['retention.bytes', '-1', longType],
      ['retention.ms', '-1', longType],
    ];
  }
  return [
    ['auto.create.topics.enable', String(broker.autoCreateTopics), booleanType],
    ['default.replication.factor', '1', intType],
    ['fetch.max.bytes', String(broker.fetchBytesMax), intType],
    ['message.max.bytes', String(broker.batchBytesMax), intType],
    ['num.partitions', String(broker.defaultPartitions), intType],
  ];
}

function write({ version, response }: Call, [name, value, type]: Config): void {
  response.string(name);
  response.nullableString(value);
  response.boolean(true);
  // 5 is a default.
  response.int8(5);
  response.boolean(false);
  response.array([], () => {});
  if (version < 3) return;
  response.int8(type);
  response.nullableString(null);
}

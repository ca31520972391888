import { readFileSync } from 'node:fs';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import type { Server, ServiceDefinition } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';

/**
 * Offers server reflection (v1 and v1alpha) of these services.
 *
 * The files of the descriptor set go in as the compiler made them. Through `@grpc/proto-loader` they would lose the leading
 * dot of type names, and clients other than Node's would resolve none of them.
 */
export function addReflection(server: Server, definitions: readonly ServiceDefinition[]): void {
  const set = readFileSync(new URL(import.meta.resolve('@millrace/proto/descriptor-set.binpb')));
  const fileDescriptorProtos = fromBinary(FileDescriptorSetSchema, set).file.map((file) =>
    Buffer.from(toBinary(FileDescriptorProtoSchema, file)),
  );
  // Of a package definition only the files are looked at.
  const files = { format: 'Protocol Buffer 3 EnumDescriptorProto' as const, type: {}, fileDescriptorProtos };
  const services = definitions.flatMap((definition) => nameOf(definition) ?? []);
  new ReflectionService({ files }, { services }).addToServer(server);
}

/** From the path of a method, `/package.Service/Method`. */
function nameOf(definition: ServiceDefinition): string | undefined {
  return Object.values(definition)[0]?.path.split('/')[1];
}

import type { AddLeaf, RemoveLeaf } from '../../ast/leaf.ts';
import type { Parser } from '../parser.ts';

const portMax = 65_535n;

export function parseAddLeaf(parser: Parser): AddLeaf {
  const position = parser.position;
  parser.expect('ADD');
  if (parser.at('AGGREGATOR')) parser.unsupported('ADD AGGREGATOR');
  parser.expect('LEAF');
  const user = parser.atString ? parser.string('a user name') : parser.identifier('a user name');
  const password = parser.accept(':') ? parser.string('a password') : undefined;
  // A host after @ has the form of a user variable.
  if (parser.tokens.kind() !== 'userVariable') parser.fail("@'host'");
  const host = parser.tokens.value();
  if (host === '') parser.fail('a host that is not empty');
  parser.tokens.advance();
  const port = parsePort(parser);
  const group = parser.acceptAll('INTO', 'GROUP') ? parser.integer('1 or 2') : undefined;
  return { kind: 'addLeaf', user, password, host, port, group, position };
}

export function parseRemoveLeaf(parser: Parser): RemoveLeaf {
  const position = parser.position;
  parser.expect('REMOVE');
  if (parser.at('AGGREGATOR')) parser.unsupported('REMOVE AGGREGATOR');
  parser.expect('LEAF');
  const host = parser.string("'host'");
  const port = parsePort(parser);
  const force = parser.accept('FORCE');
  if (parser.at('KILL') || parser.at('ENSURE_PARTITION_SAFETY'))
    parser.unsupported(`REMOVE LEAF … ${parser.tokens.text()}`);
  return { kind: 'removeLeaf', host, port, force, position };
}

/** `:port`. */
function parsePort(parser: Parser): bigint {
  parser.expect(':');
  const position = parser.position;
  const port = parser.integer('a port');
  if (port < 1n || port > portMax) throw parser.errorAt(position, `a port is 1 to ${portMax}`);
  return port;
}

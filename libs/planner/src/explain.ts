import type { Delete } from '@millrace/sql/ast/delete';
import type { Insert } from '@millrace/sql/ast/insert';
import type { Query } from '@millrace/sql/ast/query';
import type { Update } from '@millrace/sql/ast/update';
import type { BindContext } from './bind-context.ts';
import { partitionsText } from './distribute/merge-planner.ts';
import { planNode } from './distribute/outline.ts';
import type {
  DeletePlan,
  Fragment,
  InitPlans,
  InsertPlan,
  PlanNode,
  SelectPlan,
  UpdatePlan,
} from './plan.ts';
import { planDelete, planInsert, planSelect, planUpdate } from './plan-statement.ts';
import { quoteIdentifier } from './render/sql-text.ts';

type Plan = SelectPlan | InsertPlan | UpdatePlan | DeletePlan | InitPlans;

/**
 * The lines of EXPLAIN: one operator a line, the last one executed first, each indented under the one it feeds.
 * `extended` adds the SQL of fragments and merge; `json` is one line, a JSON document.
 */
export function explainStatement(
  statement: Query | Insert | Update | Delete,
  context: BindContext,
  format: 'text' | 'json' | 'extended',
): readonly string[] {
  const plan = planOf(statement, context);
  const node = explainNode(plan);
  if (format === 'json') return [JSON.stringify({ version: '1', explain: [jsonNode(node)] })];
  const lines = treeLines(node, 0);
  return format === 'text' ? lines : [...lines, ...sqlLines(plan)];
}

function planOf(statement: Query | Insert | Update | Delete, context: BindContext): Plan {
  switch (statement.kind) {
    case 'query':
      return planSelect(statement, context);
    case 'insert':
      return planInsert(statement, context);
    case 'update':
      return planUpdate(statement, context);
    case 'delete':
      return planDelete(statement, context);
  }
}

function explainNode(plan: Plan): PlanNode {
  switch (plan.kind) {
    case 'direct':
    case 'concat': {
      const limit = plan.kind === 'concat' && plan.limit !== null ? ` limit:${plan.limit}` : '';
      return planNode(
        `Gather partitions:${partitionsText(plan.fragment.partitions)}${limit}`,
        plan.fragment.outline,
      );
    }
    case 'merge':
      return plan.outline;
    case 'insert':
      return planNode(
        `Insert into ${plan.databaseName}.${plan.table.name} onDuplicate:${plan.onDuplicate.kind}`,
        explainNode(plan.source),
      );
    case 'update': {
      const columns = plan.assignments.map(({ column }) => column).join(', ');
      return planNode(
        `Update ${plan.databaseName}.${plan.table.name} [${columns}] partitions:${partitionsText(plan.partitions)}`,
        ...changeNodes(plan),
      );
    }
    case 'delete':
      return planNode(
        `Delete ${plan.databaseName}.${plan.table.name} partitions:${partitionsText(plan.partitions)}`,
        ...changeNodes(plan),
      );
    case 'initPlans':
      return planNode('Change after subqueries', ...plan.plans.map(explainNode));
  }
}

function changeNodes({ predicate, lookup }: UpdatePlan | DeletePlan): readonly PlanNode[] {
  return [
    ...(predicate === '' ? [] : [planNode(`Filter [${predicate}]`)]),
    ...(lookup === undefined ? [] : [planNode('Lookup', explainNode(lookup.plan))]),
  ];
}

function treeLines(node: PlanNode, depth: number): readonly string[] {
  return [
    `${'  '.repeat(depth)}${node.operator}`,
    ...node.inputs.flatMap((input) => treeLines(input, depth + 1)),
  ];
}

interface JsonNode {
  readonly executor: string;
  readonly detail: string;
  readonly inputs: readonly JsonNode[];
}

function jsonNode({ operator, inputs }: PlanNode): JsonNode {
  const [executor = '', ...detail] = operator.split(' ');
  return { executor, detail: detail.join(' '), inputs: inputs.map(jsonNode) };
}

function sqlLines(plan: Plan): readonly string[] {
  switch (plan.kind) {
    case 'direct':
    case 'concat':
      return [`fragment: ${fragmentText(plan.fragment)}`];
    case 'merge':
      return [
        ...plan.inputs.map((input) =>
          input.kind === 'fragment'
            ? `${input.name}: ${fragmentText(input.fragment)}`
            : `${input.name}: information_schema.${input.view}`,
        ),
        `merge: ${plan.sql}`,
      ];
    case 'insert':
      return sqlLines(plan.source);
    case 'initPlans':
      return plan.plans.flatMap(sqlLines);
    case 'update':
    case 'delete':
      return plan.lookup === undefined ? [] : sqlLines(plan.lookup.plan);
  }
}

function fragmentText({ sql, databaseName }: Fragment): string {
  return sql
    .map((part) =>
      part.kind === 'text'
        ? part.text
        : `${quoteIdentifier(databaseName)}.${quoteIdentifier(part.table.name)}`,
    )
    .join('');
}

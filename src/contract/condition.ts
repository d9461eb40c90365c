// What stands in the way of answers, as it is told: an error of the table, and whether nothing is answered while it holds.
import { create } from '@bufbuild/protobuf';
import { type Condition, ConditionSchema, type Failure } from '../../gen/bowline/common/v1/common_pb.ts';
import type { AppError } from '../base/errors.ts';
import { fromFailure, toFailure } from './errors.ts';

const of = (why: Failure, stops: boolean): Condition => create(ConditionSchema, { why, stops });

/** While it holds nothing is answered. */
export const stopping = (why: AppError): Condition => of(toFailure(why), true);

/** What is asked is answered, but something is missing, or will be soon. */
export const hindering = (why: AppError): Condition => of(toFailure(why), false);

/** As an error, whose text tells the cause and the remedy. */
export const whyOf = ({ why }: Condition): AppError | undefined => why && fromFailure(why);

/** The first by which nothing is answered. */
export const firstStop = (conditions: readonly Condition[]): AppError | undefined => {
  const stop = conditions.find(({ stops }) => stops);
  return stop && whyOf(stop);
};

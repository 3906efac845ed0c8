import 'reflect-metadata';
import { Type } from 'class-transformer';
import { ArrayMaxSize, IsArray, IsOptional, ValidateBy, ValidateNested } from 'class-validator';
import { CHECKS, type CheckName } from './checks.js';

type Property = PropertyDecorator;

const all =
  (...decorators: Property[]): Property =>
  (target, key) =>
    decorators.forEach((decorate) => decorate(target, key));

/** The value passes the named check (`CHECKS`). */
export const Checked = (name: CheckName, options: { each?: boolean } = {}): Property =>
  ValidateBy(
    {
      name,
      validator: {
        validate: (value, args) => CHECKS[name](value, args?.object) === undefined,
        defaultMessage: (args) => CHECKS[name](args?.value, args?.object) ?? 'is wrong',
      },
    },
    { each: options.each ?? false },
  );

/** The field may be absent or null: null says that it is known to be empty. */
export const Optional = (): Property => IsOptional();

/** One nested object of a contract class. */
export const Nested = (type: () => new () => object): Property => all(Checked('object'), ValidateNested(), Type(type));

/** A list of nested objects of a contract class, at most 1,000. */
export const NestedList = (type: () => new () => object): Property =>
  all(IsArray(), ArrayMaxSize(1000), Checked('object', { each: true }), ValidateNested({ each: true }), Type(type));

/** A list of texts that each pass the named check, at most 1,000. */
export const CheckedList = (name: CheckName): Property =>
  all(IsArray(), ArrayMaxSize(1000), Checked(name, { each: true }));

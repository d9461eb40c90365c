import pg from 'pg';
import { expect, test } from 'vitest';
import { postgresCause, urlProblem } from './postgres-cause.ts';

function server(code: string, message: string, severity = 'FATAL'): Error {
  return Object.assign(new pg.DatabaseError(message, message.length, 'error'), { code, severity });
}

const system = (code: string, message: string) => Object.assign(new Error(message), { code });

test('each cause that someone must mend names the parameter, the right or the file, and what to do', () => {
  const cases: [Error, RegExp][] = [
    [
      server('08P01', 'unsupported startup parameter: statement_timeout'),
      /startup parameter statement_timeout.*ignore_startup_parameters/,
    ],
    [server('08P01', 'unsupported startup parameter in options: jit'), /startup parameter jit/],
    [server('28P01', 'password authentication failed for user "bob"'), /password.*%40/],
    [server('08P01', 'SASL authentication failed'), /password/],
    [
      server('28000', 'no pg_hba.conf entry for host "10.0.0.1", user "u", database "d", no encryption'),
      /sslmode=verify-full/,
    ],
    [
      server('28000', 'no pg_hba.conf entry for host "10.0.0.1", user "u", database "d", SSL encryption'),
      /pg_hba\.conf/,
    ],
    [server('28000', 'role "bob" is not permitted to log in'), /LOGIN/],
    [server('28000', 'role "bob" does not exist'), /CREATE ROLE/],
    [server('3D000', 'database "x" does not exist'), /CREATE DATABASE/],
    [server('42501', 'permission denied for schema public', 'ERROR'), /GRANT USAGE, CREATE ON SCHEMA public/],
    [server('42501', 'permission denied for table run', 'ERROR'), /table run/],
    [server('3F000', 'no schema has been selected to create in', 'ERROR'), /search_path/],
    [system('SELF_SIGNED_CERT_IN_CHAIN', 'self-signed certificate in certificate chain'), /sslrootcert=/],
    [system('UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'unable to verify the first certificate'), /sslrootcert=/],
    [system('ERR_TLS_CERT_ALTNAME_INVALID', "Hostname/IP does not match certificate's altnames"), /another name/],
    [new Error('The server does not support SSL connections'), /remove sslmode/],
    [new Error('SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string'), /user:password@/],
  ];
  for (const [error, words] of cases) {
    expect(postgresCause(error), error.message).toEqual({ text: expect.stringMatching(words), passes: false });
  }
});

test('what can pass is waited for, and what is not known stays unknown', () => {
  for (const code of ['53300', '57P03', '25006']) expect(postgresCause(server(code, 'x'))?.passes, code).toBe(true);
  expect(postgresCause(server('55000', 'database "x" is not currently accepting connections'))?.passes).toBe(true);
  expect(postgresCause(system('ECONNREFUSED', 'connect ECONNREFUSED'))?.passes).toBe(true);
  expect(postgresCause(new Error('something else'))).toBeUndefined();
});

test('a character in a password that ends the place of the host is told before anything is dialled', () => {
  for (const letters of ['a#b', 'a?b', 'a/b', 'p@a#b', '12#34', '12/34@x', '12?34']) {
    expect(urlProblem(`postgres://bob:${letters}@db.example/bowline`), letters).toMatch(/%40.*%23/);
    expect(
      urlProblem(`postgres://bob:${encodeURIComponent(letters)}@db.example/bowline?sslmode=require`),
    ).toBeUndefined();
  }
  expect(urlProblem('postgres://bob:100%@db.example/bowline')).toMatch(/%25/);
  for (const well of [
    'postgres://db/bowline',
    'postgres://db:5432/bowline?user=a@b',
    'postgresql://u:p@[::1]:5432/b?application_name=a@b',
    'postgres:///bowline?host=/run/postgresql',
    'socket:/run/postgresql?db=b',
    'postgres://u:p@ss@db/b',
  ]) {
    expect(urlProblem(well), well).toBeUndefined();
  }
  expect(urlProblem('mysql://u@h/d')).toMatch(/postgres:\/\//);
});

import { expect, test } from 'vitest';
import { isNeverWritten } from './never-written.ts';

test.each([
  '/etc/hosts',
  '/ETC/cron.d/x',
  '/usr/local/bin/x',
  '/var/spool/cron/crontabs/anna',
  '/home/anna/.bashrc',
  '/home/anna/.BashRC',
  '/home/anna/.zshenv',
  '/home/anna/.config/fish/config.fish',
  '/home/anna/.config/systemd/user/x.service',
  '/home/anna/.config/autostart/x.desktop',
  '/home/anna/.config/environment.d/x.conf',
  '/home/anna/.local/bin/x',
  '/home/anna/.local/share/applications/x.desktop',
  '/home/anna/Library/LaunchAgents/x.plist',
  '/home/anna/.ssh/config',
  '/srv/keys/authorized_keys',
  '/home/anna/notes/.git/hooks/pre-commit',
  '/home/anna/notes/.git/config',
  '/srv/git/hooks/update',
  '/home/anna/.gitconfig',
  '/home/anna/.config/git/config',
  '/home/anna/notes/.husky/pre-commit',
  '/home/anna/notes/.vscode/tasks.json',
  '/home/anna/.vimrc',
  '/home/anna/.bowline/config.yaml',
  '/srv/crontab',
  '/home/anna/．bashrc',
])('%s is never written', (path) => {
  expect(isNeverWritten(path)).toBe(true);
});

test.each([
  '/home/anna/notes/todo.md',
  '/home/anna/笔记/备忘.md',
  '/home/anna/etc/notes.md',
  '/home/anna/notes/profile',
  '/home/anna/notes/git/notes.md',
  '/home/anna/notes/systemd.md',
  '/home/anna/config.yaml',
  '/usrlocal/x',
  '/srv/notes/.github/x.md',
  '/tmp/x',
])('%s may be written where the configuration says so', (path) => {
  expect(isNeverWritten(path)).toBe(false);
});

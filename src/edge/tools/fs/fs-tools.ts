// The tools of `bowline.capability.fs.v1`.
import type { EdgeTool, ToolParts } from '../tool.ts';
import { listTool } from './list.ts';
import { queryTool } from './query.ts';
import { readTool } from './read.ts';
import { searchTool } from './search.ts';
import { statTool } from './stat.ts';
import { writeTool } from './write.ts';

export function fsTools(parts: ToolParts): EdgeTool[] {
  return [readTool(parts), writeTool(parts), listTool(parts), statTool(parts), searchTool(parts), queryTool(parts)];
}

// The tools of `bowline.capability.fs.v1`.
import type { EdgeTool, ToolParts } from '../tool.ts';
import { deleteTool } from './delete.ts';
import { editTool } from './edit.ts';
import { listTool } from './list.ts';
import { makeFolderTool } from './make-folder.ts';
import { moveTool } from './move.ts';
import { queryTool } from './query.ts';
import { readTool } from './read.ts';
import { searchTool } from './search.ts';
import { statTool } from './stat.ts';
import { writeTool } from './write.ts';

export function fsTools(parts: ToolParts): EdgeTool[] {
  const reading = [readTool, listTool, statTool, searchTool, queryTool].map((tool) => tool(parts));
  const changing = [deleteTool, moveTool, makeFolderTool].map((tool) => tool(parts));
  return [...reading, writeTool(parts), editTool(parts), ...changing];
}

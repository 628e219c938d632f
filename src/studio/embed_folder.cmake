# cmake -DFOLDER=... -DOUT=... -P embed_folder.cmake: writes the source OUT that carries every file
# of FOLDER, gzipped as well where that makes it smaller, inside the program.
file(GLOB_RECURSE files RELATIVE ${FOLDER} ${FOLDER}/*)
list(SORT files)
list(FILTER files EXCLUDE REGEX "\\.(gz|map)$")
get_filename_component(out_folder ${OUT} DIRECTORY)
set(number 0)
set(sections "")
set(declarations "")
set(rows "")
foreach(file IN LISTS files)
  set(gzipped ${out_folder}/page_${number}.gz)
  execute_process(COMMAND gzip -9nc ${FOLDER}/${file} OUTPUT_FILE ${gzipped}
                  COMMAND_ERROR_IS_FATAL ANY)
  file(SHA256 ${FOLDER}/${file} digest)
  string(SUBSTRING ${digest} 0 16 digest)
  foreach(kind IN ITEMS plain gzip)
    set(path ${FOLDER}/${file})
    if(kind STREQUAL gzip)
      set(path ${gzipped})
    endif()
    set(symbol deixis_studio_page_${number}_${kind})
    string(APPEND sections "    \"${symbol}_begin:\\n.incbin \\\"${path}\\\"\\n${symbol}_end:\\n\"\n")
    string(APPEND declarations "extern const char ${symbol}_begin[];\nextern const char ${symbol}_end[];\n")
  endforeach()
  set(symbol deixis_studio_page_${number})
  string(APPEND rows "    {\"/${file}\", \"${digest}\",\n"
         "     {${symbol}_plain_begin, static_cast<size_t>(${symbol}_plain_end - ${symbol}_plain_begin)},\n"
         "     {${symbol}_gzip_begin, static_cast<size_t>(${symbol}_gzip_end - ${symbol}_gzip_begin)}},\n")
  math(EXPR number "${number} + 1")
endforeach()
file(WRITE ${OUT}
  "#include \"studio/page.h\"\n\nasm(\".section .rodata\\n\"\n${sections}    \".previous\\n\");\n\n"
  "extern \"C\" {\n${declarations}}\n\nnamespace deixis::studio {\n\n"
  "std::span<const PageFile> PageFiles() {\n  static const PageFile kFiles[] = {\n${rows}  };\n"
  "  return kFiles;\n}\n\n}  // namespace deixis::studio\n")

# The Debian package: the program, its models, the service, its configuration and the documentation.
# scripts/package builds it.
include(GNUInstallDirs)
set(packaging ${PROJECT_SOURCE_DIR}/packaging)

install(FILES ${packaging}/deixis.service DESTINATION /lib/systemd/system)
install(FILES ${packaging}/deixis.conf DESTINATION /etc/deixis)
install(FILES ${packaging}/copyright README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES docs/cameras.md docs/pointing.md docs/service.md
        DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES ${packaging}/lintian-overrides DESTINATION ${CMAKE_INSTALL_DATADIR}/lintian/overrides
        RENAME deixis)
# Compressed without a time in it, so that the same sources give the same package.
set(changelogs ${PROJECT_BINARY_DIR}/changelogs)
install(CODE "
  file(MAKE_DIRECTORY ${changelogs})
  execute_process(COMMAND gzip -9nc ${PROJECT_SOURCE_DIR}/CHANGELOG.md
                  OUTPUT_FILE ${changelogs}/changelog.gz COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND gzip -9nc ${packaging}/changelog
                  OUTPUT_FILE ${changelogs}/changelog.Debian.gz COMMAND_ERROR_IS_FATAL ANY)")
install(FILES ${changelogs}/changelog.gz ${changelogs}/changelog.Debian.gz
        DESTINATION ${CMAKE_INSTALL_DOCDIR})

# Only what is installed has to be built.
set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY TRUE)
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_PACKAGE_CONTACT "The Deixis authors <deixis@example.org>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "says what a finger points at")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
    "Somebody with failing near sight points a finger at a thing before a
wearable camera, and a small device says what it is, offline.
.
This package holds the program, which also teaches, compresses, measures
and runs networks, its models, and a service that starts with the device
and waits for a camera and a sound card.")
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SECTION utils)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS espeak-ng)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "ffmpeg, curl")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "alsa-utils, gstreamer1.0-tools, libsdl2-2.0-0")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION TRUE)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
    "${packaging}/postinst;${packaging}/prerm;${packaging}/postrm;${packaging}/conffiles")
set(CPACK_STRIP_FILES TRUE)
include(CPack)

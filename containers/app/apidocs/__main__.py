from apidocs.files import write

write()
